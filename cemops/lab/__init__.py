"""An estate on one machine: real sshd, real httpd, TLS servers that stand for the Windows machines."""
