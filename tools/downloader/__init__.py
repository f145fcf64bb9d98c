"""Fetch the files of models: sources -> verified transfer -> post-processing.

On disk, below ``<output_dir>/<model.subdirectory>``:

- ``<file>``: whole, verified (and post-processed); it never exists in any other state;
- ``<file>.orig``: a downloaded file that post-processing changes or unpacks, as it was downloaded.
  A second run verifies this one and makes the post-processed files from it again, to the same bytes;
- ``.<file>.part``: what has arrived of a file, for the next run (``.<file>.<digits>.part`` while it is written to);
- ``.omz.lock``: keeps two processes from fetching the same model twice, as long as one is at it;
- ``.omz-*``: private temporary files; those that a killed run leaves are removed by the next run.
"""
