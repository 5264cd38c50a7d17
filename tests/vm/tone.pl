# A sine of 440 Hz at -12 dBFS for ever: 16 bit, stereo, 48000 Hz, to standard output.
use strict;
my $second = join '', map { pack 's<2', ((8231 * sin(2 * 3.14159265358979 * 440 * $_ / 48000)) x 2) } 0 .. 47999;
$SIG{PIPE} = 'DEFAULT';
binmode STDOUT;
print $second while 1;
