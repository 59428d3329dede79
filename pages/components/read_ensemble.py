"""What the members of an ensemble say of the case, and what ensembles with the chosen model say."""

import streamlit as st

from mammo_core.inference.ensemble_score import ensembles_with
from mammo_core.preprocessing.case_store import Case
from mammo_core.runs.folder import RunFolder
from pages.components.guard import escaped, noted_errors
from pages.components.pickers import all_runs
from pages.components.reading import CaseReading, read_images


def show_members(case: Case, read: CaseReading) -> None:
    """Each member's score on the ensemble's scale, by image."""
    for image_id, joined in read.joined.items():
        parts = zip(read.members, joined.members, strict=True)
        told = ", ".join(f"{escaped(name)} {score:.2f}" for name, score in parts)
        st.caption(
            f"{escaped(case.image(image_id).title)}: {joined.score:.2f}, its members from "
            f"{joined.lowest:.2f} to {joined.highest:.2f} ({told})."
        )
    st.caption(
        "How far models lie apart is no interval for this woman. How familiar the images are, how "
        "steady the scores and which images look alike is told of one model: choose a member."
    )


def show_ensembles(case: Case, run: RunFolder, read: CaseReading) -> None:
    """Nothing where the model belongs to no ensemble."""
    found = ensembles_with(run.run_id, all_runs())
    if not found or not st.toggle("What ensembles with this model say", key="ensembles"):
        return
    images = [case.image(image_id) for image_id in read.readings]
    for ensemble in found:
        with noted_errors():
            st.caption(f"**{escaped(ensemble.run_id)}**")
            show_members(case, read_images(ensemble, case, images))
