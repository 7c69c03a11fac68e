"""What the log tells: searching it, and reports, dossiers and projections made from it."""
