//! Runs uploads over a Transport: sources, checkpoints, byte budget, progress.
