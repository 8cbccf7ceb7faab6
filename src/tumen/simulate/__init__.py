"""False worlds, labelled simulated, for calibration, drills and collection planning."""
