"""From audio files to clips of one length: auditing, cutting, grouping, splitting."""
