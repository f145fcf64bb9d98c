"""Oracles for the NumPy reference of Caffe's layers (:mod:`omz.converter.caffe.reference`), and its own tests."""
