"""The page kit: frame, tags, states. It knows no model of the product."""
