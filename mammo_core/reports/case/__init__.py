"""A read case taken away: table, picture, page to print, DICOM."""
