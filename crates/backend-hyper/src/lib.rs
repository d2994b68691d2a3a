//! Backend over hyper-util: lean, fast, all proxies.
