"""Neural networks on OpenVINO: model store, sessions, detectors, embedders. No trio."""
