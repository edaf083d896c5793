"""The governance link: evidence of versions, sent to a FairMind governance store."""
