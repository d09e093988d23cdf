"""What a reply and a comparison are held to, as misses that say what to do."""
