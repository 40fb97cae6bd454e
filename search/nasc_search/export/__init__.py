"""From a sub-network with folded weights to the .tflite files that boards and servers run."""
