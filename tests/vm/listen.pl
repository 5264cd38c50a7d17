# Listens to standard input (16 bit, stereo, 48000 Hz) in steps of 10 ms, and says when sound begins and ends:
# "on|off UPTIME AUDIO", UPTIME in seconds since the machine's start, AUDIO in seconds of sound heard.
# Sound of less than -50 dBFS is none, and it has ended when there is none for 200 ms: an emulated machine drops periods. A file named as argument gets the peak of every step, "AUDIO PEAK_DBFS".
use strict;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
my $levels = shift;
open my $log, '>', $levels or die "$levels: $!";
$_->autoflush(1) for *STDOUT, $log;
binmode STDIN;
my ($steps, $silent, $was) = (0, 0, 'off');
while (read(STDIN, my $step, 4 * 480) == 4 * 480) {
    my $peak = 1e-5;
    for (unpack 's<*', $step) { my $size = abs($_) / 32768; $peak = $size if $size > $peak }
    my $db = 20 * log($peak) / log(10);
    $steps++;
    $silent = $db > -50 ? 0 : $silent + 1;
    printf $log "%.2f %.1f\n", $steps / 100, $db;
    my $is = $silent == 0 ? 'on' : $silent >= 20 ? 'off' : $was;
    my $since = $is eq 'off' ? 0.2 : 0;
    printf "%s %.2f %.2f\n", $is, clock_gettime(CLOCK_MONOTONIC) - $since, $steps / 100 - $since if $is ne $was;
    $was = $is;
}
