"""The places that a network comes from: demo cards, timm, torchvision, and the user's own code."""
