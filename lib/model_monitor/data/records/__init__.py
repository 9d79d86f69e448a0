"""One captured or merged line, or JSON document, as features, label, prediction and probability, as far as it is asked. Pure."""
