"""ai-edge-litert and tflite-runtime behind one interface."""
