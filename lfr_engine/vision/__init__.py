"""Pictures and faces as arrays: pure numpy and OpenCV, synchronous, no models, no files."""
