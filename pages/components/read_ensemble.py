"""What an ensemble with the chosen model says of the case, and how far its members lie apart."""

import streamlit as st

from mammo_core.errors import CheckpointError
from mammo_core.inference.ensemble_score import ensembles_with, join_scores
from mammo_core.metrics.ensemble import Ensemble
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.preprocessing.case_store import Case
from mammo_core.runs.folder import RunFolder, find_run
from pages.components import cached
from pages.components.guard import escaped, noted_errors
from pages.components.pickers import all_runs
from pages.components.reading import CaseReading, read_images


def show_ensembles(case: Case, run: RunFolder, read: CaseReading) -> None:
    """Nothing where the model belongs to no ensemble."""
    found = ensembles_with(run.run_id, all_runs())
    if not found or not st.toggle("What ensembles with this model say", key="ensembles"):
        return
    images = [case.image(image_id) for image_id in read.readings]
    for name, ensemble in found.items():
        with noted_errors():
            scores = [
                [one.score for one in read_images(member, case, images).readings.values()]
                for member in _members_of(ensemble)
            ]
            st.caption(f"**{escaped(name)}**, {ensemble.method} of {len(scores)} models")
            for image, joined in zip(images, join_scores(ensemble, scores), strict=True):
                st.caption(
                    f"{escaped(image.title)}: {joined.score:.2f}, its members from "
                    f"{joined.lowest:.2f} to {joined.highest:.2f}."
                )
    st.caption("How far models lie apart is no interval for this woman.")


def _members_of(ensemble: Ensemble) -> list[RunFolder]:
    members = []
    for member in ensemble.members:
        run = find_run(member.run_id, checkpoints_root(), shipped_checkpoints_root())
        if cached.card(run).weights_sha256 != member.weights_sha256:
            raise CheckpointError(
                f"{member.run_id} has other weights than when the ensemble was made. Make the "
                "ensemble anew."
            )
        members.append(run)
    return members
