"""The shell programs that run on a gateway: POSIX sh, coreutils, openssl and httpd, nothing else."""
