"""Board descriptions as package data; firmware sources for microcontrollers join them later."""
