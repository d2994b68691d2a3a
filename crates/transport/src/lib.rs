//! The narrow waist: Transport, Protocol, Backend, Authorizer.
