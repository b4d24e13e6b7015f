//! One machine as written, made definite.
