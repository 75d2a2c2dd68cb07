"""The doors where files pass between stations and the office: HTTP and FTP."""
