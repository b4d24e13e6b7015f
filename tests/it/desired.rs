//! What a Machinefile means.
