"""Who is looked for: templates, the watchlist, the matcher, calibration and the encrypted vault."""
