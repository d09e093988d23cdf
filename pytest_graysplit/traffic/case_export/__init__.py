"""Cases from a traffic log: a stratified sample with personal data taken out."""
