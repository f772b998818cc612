"""Where a change comes from and where its review goes, one file each."""
