// Rulers and regions are kept in the tab's own storage, by case and pane: a page that is left takes its
// viewer along. The server never hears of them.

const MEASURES = "mammo measures";

function keptMeasures() {
  try {
    return JSON.parse(sessionStorage.getItem(MEASURES)) ?? {};
  } catch {
    return {}; // a browser may refuse, and then nothing is kept
  }
}

function writeMeasures(kept) {
  try {
    sessionStorage.setItem(MEASURES, JSON.stringify(kept));
  } catch {
    // as above, or it is full
  }
}

// Those of the case that is shown. What another account has left in this tab is gone, and so is what was
// measured on a case that was forgotten, which is carried out once.
function takeMeasures(viewer, { shown: { case_id: caseId }, forgotten, visitor }) {
  viewer.caseId = caseId;
  let kept = keptMeasures();
  const due = forgotten.filter(([mark]) => !kept.done?.includes(mark));
  if (due.length || kept.visitor !== visitor) {
    const { cases = {}, done = [] } = kept.visitor === visitor ? kept : {};
    for (const [mark, gone] of due) {
      delete cases[gone];
      done.push(mark);
    }
    kept = { visitor, cases, done };
    writeMeasures(kept);
  }
  if (!caseId) return;
  const { rulers = {}, rois = {} } = kept.cases[caseId] ?? {};
  viewer.rulers = new Map(Object.entries(rulers));
  viewer.rois = new Map(Object.entries(rois));
}

function keepMeasures({ caseId, rulers, rois }) {
  if (!caseId) return;
  const kept = { cases: {}, ...keptMeasures() };
  if (rulers.size + rois.size) kept.cases[caseId] = { rulers: Object.fromEntries(rulers), rois: Object.fromEntries(rois) };
  else delete kept.cases[caseId];
  writeMeasures(kept);
}
