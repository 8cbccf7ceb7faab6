"""What AIS tells: positions and the events walked out of them."""
