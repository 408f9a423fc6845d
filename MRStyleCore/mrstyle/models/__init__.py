"""Models as folders: the card (needs no torch), the package of card and weights, and where packages are found."""
