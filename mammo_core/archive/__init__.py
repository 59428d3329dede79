"""In and out of the hospital's archive: DICOMweb, a receiving node, results that go home."""
