import { expected } from '../errors.js'

/** Vehicles, in the form of `GROUPS`. */
const VEHICLES = `
bicycle bike mountain_bike
motorcycle motor_cycle motorbike motor_bike scooter moped dirt_bike
car taxi cab sedan suv minivan van jeep automobile
airplane plane aeroplane jet aircraft airliner jetliner biplane
bus double_decker
train locomotive subway tram trolley train_car subway_car
truck pickup lorry fire_truck firetruck fire_engine tow_truck semi
boat ship canoe kayak sailboat rowboat motorboat raft ferry yacht speedboat gondola jet_ski jet-ski house_boat
`
/** Animals, in the form of `GROUPS`. */
const ANIMALS = `
bird duck goose geese seagull pigeon parrot swan owl eagle penguin flamingo peacock rooster chicken hen pelican crow
cat kitten kitty
dog puppy puppies terrier poodle collie dalmatian labrador greyhound bulldog retriever doberman pitbull sheep_dog
 german_shepherd black_lab yellow_lab
horse pony ponies foal mare stallion
sheep lamb ram ewe
cow cattle bull calf calves ox oxen
elephant
bear polar_bear panda cub
zebra
giraffe
monkey ape gorilla
goat
deer elk moose
rabbit bunny bunnies hare
fish
`

/**
 * Things that captions name, one group a line, the first word being its name: words for the same thing or for kinds of it.
 * Plurals in -s, -es, -ies are understood. A name of two words hides the one-word names inside it; lines that start
 * with `=` hide them without naming a thing. Our own list, over the kinds of objects that COCO marks and others that
 * captions of photos speak of. As in CHAIR, a passenger train and a baby elephant name nobody.
 */
const GROUPS = `
person man men woman women boy girl child children kid lady ladies guy gentleman gentlemen people baby toddler infant
 player skier snowboarder skateboarder surfer biker cyclist rider batter pitcher catcher umpire chef police_officer
 policeman policemen officer soldier tourist pedestrian teenager adult bride groom crowd couple family firefighter
 fireman firemen worker farmer student swimmer runner climber hiker dancer musician guitarist athlete passenger driver
 someone somebody individuals male female mother mom father dad parent daughter son sister brother wife husband friend
 teen youth youngster bicyclist bicycler motorcyclist racer jockey equestrian skater rollerblader boarder surfboarder
 wakeboarder waterskier windsurfer kayaker rafter diver mountaineer backpacker jogger gymnast wrestler goalie goalkeeper
 footballer teammate opponent referee cheerleader trainer owner fisherman fishermen cowboy cow_boy cowgirl photographer
 performer artist vendor clown monk customer employee spectator onlooker audience team ball_player baseball_player
 baseball_batter baseball_pitcher baseball_catcher baseball_team basketball_player basketball_team football_player
 football_team football_coach bus_driver truck_driver mountain_biker mountain_climber
${described(VEHICLES, ['passenger'])}
traffic_light stoplight stop_light street_light traffic_signal
fire_hydrant hydrant
stop_sign
parking_meter
bench
${described(ANIMALS, ['adult', 'baby', 'female', 'male', 'mother'])}
backpack rucksack
umbrella parasol
handbag purse
necktie tie bow_tie bowtie
suitcase suit_case luggage briefcase
frisbee flying_disc
ski
snowboard snow_board
ball baseball football basketball soccer_ball tennis_ball beach_ball flag_football
kite
bat baseball_bat
glove mitt baseball_glove
skateboard skate_board
surfboard surf_board
racket racquet tennis_racket tennis_racquet
bottle
glass wine_glass goblet
cup mug teacup
fork
knife knives
spoon
bowl glass_bowl
plate platter glass_plate
banana
apple
sandwich burger hamburger cheeseburger sub
oranges orange_slice
broccoli
carrot
hot_dog hotdog chili_dog
pizza
donut doughnut
cake cupcake carrot_cake
bread toast bun bagel
salad
soup
meat steak bacon ham sausage
egg omelette omelet
cheese
vegetable
fruit
strawberry
tomato
potato french_fries fries
chair stool armchair recliner lawn_chair
couch sofa loveseat
plant potted_plant houseplant
flower rose tulip daisy bouquet
vase glass_vase
bed bunk_bed mattress
table desk dining_table coffee_table computer_desk pool_table glass_table
toilet urinal toilet_bowl
television tv t.v. television_set
laptop lap_top laptop_computer
computer monitor
mouse mice computer_mouse computer_mice
remote remote_control
keyboard
phone cellphone cell_phone smartphone telephone
microwave microwave_oven
oven stove
toaster
sink
refrigerator fridge
book magazine cook_book
clock
scissors
teddy_bear stuffed_animal teddy stuffed_bear
hair_dryer hairdryer
toothbrush
towel bath_towel
mirror
window glass_window
curtain shower_curtain
lamp chandelier
pillow cushion
blanket
rug carpet
bathtub tub
shower glass_shower
cabinet cupboard
shelf shelves bookshelf bookcase book_case
candle
basket
box boxes crate
camera
guitar
hat cap helmet baseball_cap baseball_hat cowboy_hat
shirt t-shirt tshirt dress_shirt
jacket coat
dress gown
tree palm_tree pine_tree
grass lawn
mountain hill cliff
beach shore seashore
ocean sea
snow
river stream creek
lake pond
road street highway
bridge
fence
building skyscraper glass_building
house cottage cabin
church cathedral
tower
statue sculpture
flag
tent
pool swimming_pool
fountain
wheelchair
tractor
wagon cart carriage
=train_station =bus_stop =bus_station =car_park =baseball_field =baseball_game =baseball_uniform =football_field
=football_game =football_uniform =basketball_court =basketball_game =ski_lift =ski_slope =ski_resort =ski_pole
=toilet_paper =street_sign =street_corner =tree_branch =bird_house =bird_cage =dog_house =dog_bed =cat_bed =fish_tank
=hot_tub =paper_towel =towel_rack =flower_pot =flower_bed =train_track =home_plate =license_plate =plate_glass
=window_sill =bed_room =orange_juice =box_office =tie_dye =cup_holder =couple_of =team_of =family_room =glasses
=glass_door =glass_case =cowboy_boot =adult_polar =baby_polar =its_mother
`

/** The groups with each name of one word also behind each of some words: `elephant baby_elephant`. */
function described(groups: string, words: readonly string[]): string {
  return groups
    .trim()
    .replaceAll(/(?<!\S)[\w-]+(?!\S)/g, (name) =>
      name.includes('_') ? name : [name, ...words.map((word) => `${word}_${name}`)].join(' '),
    )
}

/** The group that a name of one or two words (joined by a space) belongs to; null for what hides others. */
export type ObjectGroups = ReadonlyMap<string, string | null>

/**
 * Reads groups in the form above, in small letters as captions are compared. What `#` begins is a remark; a line that
 * holds nothing else does not part the group around it.
 * @param where their file, for messages
 * @throws ShowtellError INVALID_DATA naming a name of more than two words, or one that stands in two groups.
 */
export function parseGroups(text: string, where = 'groups'): ObjectGroups {
  const lines = text
    .toLowerCase()
    .replaceAll(/^[^\S\n]*#[^\n]*\n/gm, '')
    .replaceAll(/#.*/g, '')
    .trim()
    .replaceAll('\n ', ' ')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const long = lines.flat().find((name) => name.split('_').length > 2)
  if (long !== undefined) throw expected('names of one or two words', where, long, 'INVALID_DATA')
  const written = new Map<string, string | null>()
  for (const names of lines) {
    const group = names[0]!.startsWith('=') ? null : names[0]!.replace('_', ' ')
    for (const name of names.filter((name) => name !== '')) {
      const words = name.replace('=', '').replace('_', ' ')
      if (written.has(words) && written.get(words) !== group)
        throw expected('each name in one group', where, name, 'INVALID_DATA')
      written.set(words, group)
    }
  }
  // What is written says more than a plural that is made: glasses are not several of glass.
  const made = [...written].flatMap(([name, group]) => plurals(name).map((form) => [form, group] as const))
  return new Map([...made, ...written])
}

/** Of any other name -es makes another word: `skies` of ski, `cubes` of cub, `tubes` of tub. */
const PLURAL_IN_ES = /(?:[sxzo]|ch|sh)$/

function plurals(name: string): string[] {
  if (name.endsWith('y')) return [`${name}s`, `${name.slice(0, -1)}ies`]
  return PLURAL_IN_ES.test(name) ? [`${name}s`, `${name}es`] : [`${name}s`]
}

export const OBJECT_GROUPS = parseGroups(GROUPS)
