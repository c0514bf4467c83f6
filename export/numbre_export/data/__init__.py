"""The rows that an export is measured and calibrated on."""
