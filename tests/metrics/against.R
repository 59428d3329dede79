# Prints what tests/metrics/test_against_r.py holds: Rscript tests/metrics/against.R
# Debian 12: r-cran-proc 1.18.0, r-cran-rms 6.5-0, r-cran-survey 4.1-1. The tests need no R.
suppressMessages({library(pROC); library(rms); library(survey)})
options(digits = 12)
image <- 0:239
woman <- image %/% 2
positive <- as.integer(woman %% 3 == 0)
one <- ((image * 37) %% 101 + 1 + 30 * positive + 20 * (woman %% 5 == 0)) / 170
two <- ((image * 53) %% 101 + 1 + 20 * positive + 20 * (woman %% 4 == 0)) / 170
first <- image %% 2 == 0 # one image of each woman: cases that are independent

say <- function(name, ...) cat(name, format(c(...), digits = 12), "\n")
roc_one <- roc(positive[first], one[first], direction = "<", quiet = TRUE)
roc_two <- roc(positive[first], two[first], direction = "<", quiet = TRUE)
say("DeLong: auc, variance", auc(roc_one), var(roc_one))
paired <- roc.test(roc_one, roc_two, method = "delong", paired = TRUE)
say("DeLong, paired: difference, z", auc(roc_one) - auc(roc_two), paired$statistic)
set.seed(1)
high <- auc(roc_one, partial.auc = c(1, 0.6))
say("partial, specificity .6 to 1: mean sensitivity, error of 10,000 draws",
    high / 0.4, sqrt(var(high, method = "bootstrap", boot.n = 10000, progress = "none")) / 0.4)

odds <- qlogis(one)
fit <- robcov(lrm(positive ~ odds, x = TRUE, y = TRUE), cluster = woman)
say("lrm, robcov: slope, error", coef(fit)[2], sqrt(vcov(fit)[2, 2]))
large <- glm(positive ~ offset(odds), family = binomial)
say("glm with an offset: in the large", coef(large)[1])

called <- as.integer(two + 0.3 * (woman %% 7 < 2) >= 0.6)
design <- svydesign(ids = ~woman, data = data.frame(woman, called, positive, one,
  twice = 2 * one * positive, whole = one + positive), weights = ~1)
mean_called <- svymean(~called, design)
say("svymean: share called, error", mean_called[1], SE(mean_called))
say("t interval", confint(mean_called, df = degf(design)))
ratio <- svyratio(~twice, ~whole, design)
say("svyratio: probabilistic F1, error", ratio$ratio[1], SE(ratio))
