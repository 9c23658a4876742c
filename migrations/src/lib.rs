//! The schema of MecaPy's database, step by step.
