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

// Those of the case that is shown; of cases that were forgotten none is left.
function takeMeasures(viewer, { shown: { case_id: caseId }, forgotten }) {
  viewer.caseId = caseId;
  const kept = keptMeasures();
  const gone = forgotten.filter((one) => one in kept);
  for (const one of gone) delete kept[one];
  if (gone.length) writeMeasures(kept);
  if (!caseId) return;
  const { rulers = {}, rois = {} } = kept[caseId] ?? {};
  viewer.rulers = new Map(Object.entries(rulers));
  viewer.rois = new Map(Object.entries(rois));
}

function keepMeasures({ caseId, rulers, rois }) {
  if (!caseId) return;
  const kept = keptMeasures();
  if (rulers.size + rois.size) kept[caseId] = { rulers: Object.fromEntries(rulers), rois: Object.fromEntries(rois) };
  else delete kept[caseId];
  writeMeasures(kept);
}
