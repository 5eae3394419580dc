"""What a study will cost before it runs: jobs, hours, disk, memory; and the measured times that this is told from."""
