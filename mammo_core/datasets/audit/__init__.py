"""What is wrong with a data set, found before a model learns it.

finding     what a check reports
facts       one look at every file: size, kind, grey values, orientation, fingerprint
evidence    a data set with its facts and its copies: what every check is given
tables, files, copies, pixels, shortcuts, precision
            the checks, small functions each
run         all of them in order, with progress
result      what came out, and its JSON
report      the result as one self-contained HTML page
"""
