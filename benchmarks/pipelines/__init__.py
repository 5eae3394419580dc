"""What is measured side by side: trainings of FewLabel, of MONAI, and losses and augmentations of others."""
