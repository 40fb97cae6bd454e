"""What TFLite itself defines: its files, its integer arithmetic, where its planner places tensors."""
