"""Label lists as people have them: the names of a network's classes, read from a file in any of the usual forms.

:func:`omz.zoo.label_files.reader.read_entries` is the door; :mod:`omz.zoo.labels` makes labels of what it returns.
The forms, and how they are told apart, from the surest to the vaguest:

* JSON, or what Python prints of a list or a dictionary (:mod:`~omz.zoo.label_files.objects`);
* Caffe's ``labelmap.prototxt`` (:mod:`~omz.zoo.label_files.labelmap`);
* tables, CSV, with or without a heading (:mod:`~omz.zoo.label_files.tables`);
* lines: one name each, with a WordNet id or a number beside it as may be (:mod:`~omz.zoo.label_files.lines`).

Which numbers are indexes, and which are parts of names, :mod:`~omz.zoo.label_files.numbering` decides. Nothing is
guessed: what fits no form, or two, is an error that shows the line and lists the forms.
"""
