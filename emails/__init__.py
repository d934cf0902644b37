"""Every mail Recover sends: one function and one template folder per mail, and the SMTP client."""
