"""Networks that are trained in epochs: schedules, optimisers, augmentation, the loop, its history and its state."""
