"""What an evaluation's page says about its figures, in words."""

MEANING = """
<p>A score is the calibrated probability that a face was generated or manipulated by a machine, on material like that
of the calibration, and where fakes are as frequent as real ones. Where fakes are rare most alarms are false, whatever
the score: of 10 000 real and 10 fake videos, 1 % of false alarms are 100.</p>
<p>It is no proof, and says nothing of who made a video, or why. The figures hold for material like this: expect worse
on generators, people and codecs that are not in it. The intervals tell how far a figure would move with other files of
the same sources, not with other sources. Of the AUC the interval over whole sources is given too; where you will meet
new sources, that is the honest one.</p>
"""

PROTOCOL = """
<p>Faces are found, cut and judged by the code that scans use. A picture takes its highest face, and so does a frame; a
video takes the aggregation of its frames, of which {frames} at most are looked at. Scores carry the calibration of the
bundle; nothing was fitted on this material, thresholds included. A file that cannot be read, or shows no face, is not
judged: it counts against the share of judged files, not against the figures.</p>
"""

ABOUT_INTERVALS = """
<p>Below each figure stands the interval that holds 95 % of bootstrap rounds. A round draws files with replacement;
files that share a person or footage, and near-duplicates, are drawn together. The interval of a calibration error is
corrected for what chance adds to it.</p>
"""

ABOUT_DEGRADING = """
<p>Every crop is degraded as the network sees it, real and fake alike, and judged again. The last two columns degrade
one class alone: a classifier that lives on traces of compression is thrown by these two in opposite directions.</p>
"""

ABOUT_SWAPPING = """
<h3>Conditions exchanged</h3>
<p>Every face is put under the conditions of a face of the other class: its resolution, its compression, the borders of
its crop, its lack of colour. Who looks at faces keeps most of the AUC; who looks at how files were made loses it.</p>
"""

ABOUT_PARTS = """
<p>A source whose mean score lies on the wrong side of 0.5 is misjudged as a whole. Compression is what the file itself
shows: the quality of a JPEG's tables, the bits that a video spends on a pixel. Face size is the longer side of the
median face's box in the decoded picture.</p>
"""

ABOUT_MAP = """
<p>The last features of {count} faces, one of each file, laid out by t-SNE: neighbours are alike to the network.
Distances between far groups, and the sizes of groups, mean nothing. Where groups are sources rather than classes, the
network knows better where a face comes from than how it was made.</p>
"""
