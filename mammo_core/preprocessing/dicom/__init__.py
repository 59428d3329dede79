"""Reading DICOM. Names, numbers and dates of people stay in here: what leaves is a Mammogram."""
