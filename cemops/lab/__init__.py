"""An estate on one machine: real sshd, real httpd, stand-ins for the Windows machines."""
