"""Plans of Windows machines: IIS bindings, http.sys certificates, certificate stores, services, firewall. Pure."""
