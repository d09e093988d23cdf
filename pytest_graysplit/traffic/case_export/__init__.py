"""Cases from a traffic log: a stratified sample without personal data."""
