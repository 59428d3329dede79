"""The data sets the workbench reads, their splits and their audit."""
