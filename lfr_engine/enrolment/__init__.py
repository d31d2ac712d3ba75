"""From a reference image to a template: decode, detect, gate, embed."""
