"""The retry model: trained, versioned, judged, in force."""
