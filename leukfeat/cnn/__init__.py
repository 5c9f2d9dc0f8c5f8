"""The end-to-end Keras CNN and fine-tuning."""
